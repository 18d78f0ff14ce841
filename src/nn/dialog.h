// nn/dialog.h - a conversation as tokens: the chat template applied turn by turn.
//
// Text from outside is encoded so that it cannot spell special tokens; the template's own markers
// are inserted as ids. Policies and trainers both build their sequences here, so what is trained is
// what is played.
#ifndef GAZE_NN_DIALOG_H
#define GAZE_NN_DIALOG_H

#include "nn/chat.h"
#include "nn/tokenizer.h"

// Ids of the template's markers in one tokenizer.
typedef struct gaze_dialog {
  const gaze_tokenizer *tok;  // borrowed
  int im_start, im_end, vision_start, vision_end, image_pad;
} gaze_dialog;

// Looks the markers up; FORMAT naming the one that is missing.  [rt: init]
gaze_err gaze_dialog_init(gaze_dialog *d, const gaze_tokenizer *tok);

// Appends one whole message: text parts as plain text, image parts (text NULL) as vision start, one
// image token (to be expanded), vision end.  [rt: never]
gaze_err gaze_dialog_message(const gaze_dialog *d, const gaze_message *m, gaze_ids *out);

// Appends the head of a reply, after which the model writes.  [rt: never]
gaze_err gaze_dialog_reply_head(const gaze_dialog *d, gaze_ids *out);

// Appends the system message (NULL: the template's default).  [rt: never]
gaze_err gaze_dialog_system(const gaze_dialog *d, const char *text, gaze_ids *out);

// Appends a user turn, whose "<image>" marks are image parts, and the head of the reply.
// [rt: never]
gaze_err gaze_dialog_user(const gaze_dialog *d, const char *text, gaze_ids *out);

// Appends a reply and its end token; *n_model is the number of tokens the model has to write (the
// text and the end token), which the template's newline follows.  [rt: never]
gaze_err gaze_dialog_reply(const gaze_dialog *d, const char *text, gaze_ids *out, int *n_model);

// Appends the newline that follows a finished reply.  [rt: never]
gaze_err gaze_dialog_reply_end(const gaze_dialog *d, gaze_ids *out);

#endif
