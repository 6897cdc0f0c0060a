"""The platform "cpu" for verl 0.9.1, loaded by verl through its `verl.plugins` entry point.

It is active only under VERL_PLATFORM=cpu. Everything that verl offers a hook for is here; the patches that have no hook
are in `patches`.
"""

import os
import resource
import types
from contextlib import contextmanager

import psutil
import torch
from verl.plugin.platform import PlatformBase, PlatformRegistry

from verl_cpu_platform import patches


def _device_module() -> types.ModuleType:
    """torch.cpu, completed by the functions of torch.cuda that verl calls on its device module."""
    module = types.ModuleType("verl_cpu_platform.device")
    module.__dict__.update({name: value for name, value in vars(torch.cpu).items() if not name.startswith("__")})

    def nothing(*args, **kwargs) -> None:
        pass

    for name in (
        "empty_cache",
        "ipc_collect",
        "set_device",
        "synchronize",
        "reset_peak_memory_stats",
        "reset_accumulated_memory_stats",
        "set_per_process_memory_fraction",
    ):
        setattr(module, name, nothing)

    def memory_allocated(*args, **kwargs) -> int:
        return psutil.Process().memory_info().rss

    def max_memory_allocated(*args, **kwargs) -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def mem_get_info(*args, **kwargs) -> tuple[int, int]:
        memory = psutil.virtual_memory()
        return memory.available, memory.total

    module.is_available = lambda: True
    module.device_count = lambda: 1
    module.current_device = lambda: torch.device("cpu")
    module.get_device_name = lambda *args, **kwargs: "CPU"
    module.manual_seed = module.manual_seed_all = torch.manual_seed
    module.get_rng_state, module.set_rng_state = torch.get_rng_state, torch.set_rng_state
    module.memory_allocated = module.memory_reserved = memory_allocated
    module.max_memory_allocated = module.max_memory_reserved = max_memory_allocated
    module.mem_get_info = mem_get_info
    return module


@PlatformRegistry.register(platform="cpu")
class CpuPlatform(PlatformBase):
    device_name = "cpu"
    vendor_name = "cpu"
    device_module = _device_module()

    def is_available(self):
        return True

    def is_platform_available(self, use_smi_check=False):
        return False  # never detected by itself, only chosen by VERL_PLATFORM=cpu

    def current_device(self):
        return torch.device("cpu")

    def device_count(self):
        return 1

    def set_device(self, device_index):
        pass

    def synchronize(self, device_index=None):
        pass

    def manual_seed(self, seed):
        torch.manual_seed(seed)

    def manual_seed_all(self, seed):
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings):
        pass

    def empty_cache(self):
        pass

    def get_device_capability(self, device_index=0):
        return None, None

    def communication_backend_name(self):
        return "gloo"

    def visible_devices_envvar(self):
        return "VERL_CPU_VISIBLE_DEVICES"

    def ray_resource_name(self):
        return "GPU"  # Ray's logical GPU (ray_init.num_gpus): verl's resource pools count nothing else

    def ray_noset_envvars(self):
        return []

    def is_ipc_supported(self):
        return False  # weights travel to vLLM through POSIX shared memory

    def cudart(self):
        return None

    def profiler_start(self):
        pass

    def profiler_stop(self):
        pass

    @contextmanager
    def nvtx_range(self, msg):
        yield


if os.environ.get("VERL_PLATFORM") == "cpu":
    os.environ.setdefault("VERL_ENGINE_DEVICE", "cuda")  # FSDP engines are registered for cuda and npu only
    patches.use_one_gloo_backend()
    patches.do_not_pin_offloaded_memory()
