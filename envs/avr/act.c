// envs/avr/act.c - see act.h.
#include "envs/avr/act.h"
#include <string.h>
#include "envs/avr/words.h"

static const char *status_word(gaze_act_status s) {
  switch (s) {
    case GAZE_ACT_OK:
      return "ok";
    case GAZE_ACT_BLOCKED:
      return "blocked";
    case GAZE_ACT_SLIPPED:
      return "slipped";
    case GAZE_ACT_TOPPLED:
      return "toppled";
    case GAZE_ACT_TIMEOUT:
      return "timeout";
  }
  return "timeout";
}

// picks and moves through the simulator; whatever happened to the objects is what is seen next
static gaze_err act_physics(avr_oracle *o, const char *hand, gaze_world **world, const avr_scene *s,
                            avr_state *st, const avr_option *a, const char **status) {
  if (!*world) GAZE_TRY(gaze_world_open_arm(world, st->body, s->n, hand));
  gaze_act_status how = GAZE_ACT_OK;
  if (a->kind == AVR_PICK) {
    GAZE_TRY(gaze_world_pick(*world, a->object, &how));
  } else {
    float dir[2];
    avr_dir_vector(a->dir, dir);
    GAZE_TRY(gaze_world_move(*world, a->object, dir, &how));
  }
  *status = status_word(how);
  gaze_world_bodies(*world, st->body);
  return avr_observe(o, s, st);
}

gaze_err avr_execute(avr_oracle *o, const avr_settings *set, gaze_world **world, avr_episode *e,
                     int choice, avr_effect *effect) {
  if (choice < 0 || choice >= e->options || e->option[choice].kind == AVR_ANSWER)
    return gaze_fail(GAZE_ERR_ARG, "avr: choice: expected the letter of an action");
  const avr_option a = e->option[choice];
  const avr_state before = e->state;
  *effect = (avr_effect){.status = "ok"};

  if (world && (a.kind == AVR_PICK || a.kind == AVR_MOVE)) {
    GAZE_TRY(act_physics(o, set->hand, world, &e->scene, &e->state, &a, &effect->status));
  } else {
    avr_state after = before;
    bool possible = false;
    GAZE_TRY(avr_imagine(o, &e->scene, &before, &a, &after, &possible));
    if (possible) {
      e->state = after;
    } else {
      effect->status = "blocked";
    }
  }
  effect->gain = avr_gain(&e->scene, &e->question, &before, &e->state);
  e->state.t = before.t + 1;
  return avr_list_options(o, set, e);
}

gaze_err avr_waste(avr_oracle *o, const avr_settings *set, avr_episode *e) {
  e->state.t++;
  return e->state.t < AVR_T_MAX ? GAZE_OK : avr_list_options(o, set, e);
}

static bool known_name(const char *name, const char *const *list, int n) {
  for (int i = 0; i < n; i++)
    if (strcmp(name, list[i]) == 0) return true;
  return false;
}

static gaze_err read_split(const gaze_cfg *cfg, avr_settings *set) {
  static const struct {
    const char *name;
    avr_split split;
  } known[] = {{"train", AVR_MAIN_SPLIT},    {"val", AVR_MAIN_SPLIT},
               {"test", AVR_MAIN_SPLIT},     {"layouts", AVR_LAYOUTS_SPLIT},
               {"cogent", AVR_COGENT_SPLIT}, {"light", AVR_LIGHT_SPLIT}};
  const char *split = NULL, *colours = NULL;
  GAZE_TRY(gaze_cfg_str(cfg, "split", "train", &split));
  GAZE_TRY(gaze_cfg_str(cfg, "avr.cogent", NULL, &colours));
  size_t k = 0, n = sizeof known / sizeof *known;
  while (k < n && strcmp(known[k].name, split) != 0) k++;
  if (k == n)
    return gaze_fail(GAZE_ERR_ARG,
                     "split: expected train, val, test, layouts, cogent or light, found \"%s\"",
                     split);
  set->split = known[k].split;
  set->cogent = set->split == AVR_COGENT_SPLIT ? AVR_COGENT_B : AVR_ANY_COLOUR;
  if (!colours) return GAZE_OK;
  if (strcmp(colours, "A") != 0 && strcmp(colours, "B") != 0)
    return gaze_fail(GAZE_ERR_ARG, "avr.cogent: expected A or B, found \"%s\"", colours);
  set->cogent = colours[0] == 'A' ? AVR_COGENT_A : AVR_COGENT_B;
  return GAZE_OK;
}

gaze_err avr_settings_read(const gaze_cfg *cfg, avr_settings *set) {
  int64_t judge = 448, depth = 6;
  *set = (avr_settings){0};
  GAZE_TRY(read_split(cfg, set));
  GAZE_TRY(gaze_cfg_str(cfg, "avr.family", NULL, &set->family));
  GAZE_TRY(gaze_cfg_str(cfg, "avr.layout", NULL, &set->layout));
  GAZE_TRY(gaze_cfg_str(cfg, "avr.question", NULL, &set->question));
  GAZE_TRY(gaze_cfg_int(cfg, "avr.judge_size", judge, 112, 896, &judge));
  GAZE_TRY(gaze_cfg_int(cfg, "avr.search_depth", depth, 1, AVR_T_MAX, &depth));
  GAZE_TRY(gaze_cfg_num(cfg, "avr.sufficient_share", -1.0, -1.0, 1.0, &set->sufficient_share));
  GAZE_TRY(gaze_cfg_bool(cfg, "avr.complete", false, &set->complete));
  GAZE_TRY(gaze_cfg_str(cfg, "avr.hand", NULL, &set->hand));
  if (set->hand && strcmp(set->hand, "kinematic") == 0) set->hand = NULL;
  set->judge_size = (int)judge;
  set->search_depth = (int)depth;

  if (set->family && !known_name(set->family, avr_family_word, AVR_FAMILIES))
    return gaze_fail(GAZE_ERR_ARG,
                     "avr.family: expected occlusion, stack or composite, found \"%s\"",
                     set->family);
  if (set->question && !known_name(set->question, avr_template_name, AVR_TEMPLATES))
    return gaze_fail(GAZE_ERR_ARG,
                     "avr.question: expected one of Q1-Q3, E1, K1-K3, P1-P3, M1-M5, X1, X2, found "
                     "\"%s\"",
                     set->question);
  if (!set->layout) return GAZE_OK;
  for (const avr_layout *l = avr_layouts; l->name; l++)
    if (strcmp(l->name, set->layout) == 0) return GAZE_OK;
  return gaze_fail(GAZE_ERR_ARG, "avr.layout: no layout is named \"%s\"", set->layout);
}
