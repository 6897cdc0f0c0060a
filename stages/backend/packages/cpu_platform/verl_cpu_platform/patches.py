"""Every patch of foreign code in this project. Each one: what it changes, why, and the version it was written for."""

import functools


def use_one_gloo_backend() -> None:
    """verl 0.9.1 names the process group's backend "cpu:gloo,<device>:<backend>".

    With device "cpu" that repeats a key, which torch refuses. The function takes the backend as an argument, but its
    callers do not pass it on.
    """
    import verl.utils.distributed as distributed

    distributed.initialize_global_process_group_ray = functools.partial(
        distributed.initialize_global_process_group_ray, backend="cpu:gloo"
    )


def do_not_pin_offloaded_memory() -> None:
    """verl 0.9.1 gives a forward-only FSDP2 engine (the reference policy) CPUOffloadPolicy(pin_memory=True).

    Pinning needs an accelerator; there is no setting for it.
    """
    from torch.distributed.fsdp import CPUOffloadPolicy

    original = CPUOffloadPolicy.__init__
    CPUOffloadPolicy.__init__ = lambda self, pin_memory=True: original(self, pin_memory=False)


def keep_vllm_weights() -> None:
    """vLLM 0.28.0 on a CPU packs a linear layer's weight and replaces the parameter by an empty one.

    verl then has nothing to write new weights into, and weight sync hangs. Keep the parameter; verl runs the packing
    again after each sync. vLLM calls this function in each of its processes (entry point `vllm.general_plugins`).
    """
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        return
    import vllm.model_executor.layers.utils as layers

    original = layers.dispatch_cpu_unquantized_gemm
    if getattr(original, "keeps_weight", False):
        return

    def dispatch(layer, remove_weight):
        return original(layer, remove_weight=False)

    dispatch.keeps_weight = True
    layers.dispatch_cpu_unquantized_gemm = dispatch
