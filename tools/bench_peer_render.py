#!/usr/bin/env python3
"""MuJoCo's own renderer as the peer of `gaze bench render`.

Started by the benchmark with a folder that holds scene0.xml (no shadows) and scene1.xml (key light
casts shadows). Prints one line when ready, then answers each request line
    default|tuned SHADOWS SIZE FRAMES
with the processor seconds (all threads) that FRAMES pictures took, through OSMesa.
"""
import os
import sys
import time

os.environ.setdefault("MUJOCO_GL", "osmesa")
os.environ.setdefault("PYOPENGL_PLATFORM", "osmesa")
os.environ.setdefault("LP_NUM_THREADS", "1")

import mujoco  # noqa: E402


def make(folder, mode, shadows, size):
    model = mujoco.MjModel.from_xml_path(os.path.join(folder, "scene%d.xml" % shadows))
    model.vis.quality.offsamples = 4 if mode == "default" else 0
    if mode == "tuned":
        model.vis.quality.numslices, model.vis.quality.numstacks = 12, 8
    model.vis.global_.offwidth = model.vis.global_.offheight = size
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    renderer = mujoco.Renderer(model, size, size)
    renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = bool(shadows)
    renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
    return data, renderer


def main():
    folder, made = sys.argv[1], {}
    print("%d" % mujoco.mj_version(), flush=True)
    for line in sys.stdin:
        mode, shadows, size, frames = line.split()
        key = (mode, int(shadows), int(size))
        if key not in made:
            made[key] = make(folder, *key)
        data, renderer = made[key]
        renderer.update_scene(data, camera="view")
        renderer.render()
        begin = time.process_time()
        for _ in range(int(frames)):
            renderer.update_scene(data, camera="view")
            renderer.render()
        print("%.9f" % (time.process_time() - begin), flush=True)


if __name__ == "__main__":
    main()
