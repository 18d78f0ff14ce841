// envs/trajectory/route.h - a collision-free way in the plane for the ball round a carried object.
#ifndef GAZE_ENVS_TRAJECTORY_ROUTE_H
#define GAZE_ENVS_TRAJECTORY_ROUTE_H

#include "envs/tabletop/tabletop.h"

#define ROUTE_CLEAR 0.014  // kept from everything by planned ways [m]
#define ROUTE_TOUCH 0.003  // what an arm keeps: less is a collision [m]

// What is carried, and past what.
typedef struct route {
  const gaze_body *bodies;  // [n], borrowed
  int n, object;            // the one carried
  double z, radius;         // height of its centre, ball round it [m]
} route;

// The route of object i lifted by GAZE_TRAJECTORY_RISE.  [rt: safe]
route route_of(const gaze_body *bodies, int n, int i);

// Distance of the carried ball at a place from body k, or (k < 0) from the nearest [m].  [rt: safe]
double route_room(const route *w, int k, const double at[2]);

// The least of it on a straight line, looked at every 4 mm.  [rt: safe]
double route_line(const route *w, int k, const double a[2], const double b[2]);

// Writes the corners between two places of a short way that keeps ROUTE_CLEAR, at most `cap`;
// returns their number, -1 if there is none. Shortest over a 10 mm grid (Dijkstra 1959, by
// relaxation), then every corner left out that is not needed.  [rt: never]
int route_find(const route *w, const double from[2], const double to[2], double (*corner)[2],
               int cap);

#endif
