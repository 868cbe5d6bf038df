"""Whether this machine is fast at bfloat16."""


def has_fast_bf16() -> bool:
    """Whether the GPU, or where there is none the processor, has instructions for bfloat16.

    Without them it is emulated, and slower than float32.
    """
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    can = torch.cpu.get_capabilities()
    return bool(can.get("avx512_bf16") or can.get("amx_bf16") or can.get("bf16"))
