// kernels/cpu/table.c - the CPU backend as one table.
#include "kernels/cpu/cpu.h"

const gaze_ops gaze_ops_cpu = {
    .name = "cpu",
    .gemm = gaze_cpu_gemm,
    .rmsnorm_fwd = gaze_cpu_rmsnorm_fwd,
    .rmsnorm_bwd = gaze_cpu_rmsnorm_bwd,
    .rope = gaze_cpu_rope,
    .attention_fwd = gaze_cpu_attention_fwd,
    .attention_bwd = gaze_cpu_attention_bwd,
    .swiglu_fwd = gaze_cpu_swiglu_fwd,
    .swiglu_bwd = gaze_cpu_swiglu_bwd,
    .gelu_fwd = gaze_cpu_gelu_fwd,
    .gelu_bwd = gaze_cpu_gelu_bwd,
    .bias_bwd = gaze_cpu_bias_bwd,
    .axpy = gaze_cpu_axpy,
    .rows = gaze_cpu_rows,
    .logprob_fwd = gaze_cpu_logprob_fwd,
    .logprob_bwd = gaze_cpu_logprob_bwd,
    .sample = gaze_cpu_sample,
    .adamw = gaze_cpu_adamw,
    .muon = gaze_cpu_muon,
    .sumsq = gaze_cpu_sumsq,
    .patchify = gaze_cpu_patchify,
    .raycast = gaze_cpu_raycast,
};
