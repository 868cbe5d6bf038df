"""What is trained of a base: everything, its last layers or adapters, with its pictures or without."""

from typing import Any

from recommend.model.base import Base, require_sight
from recommend.model.folder import Method
from recommend.model.fusion import late_fusion, pictured
from recommend.model.network import network
from recommend.model.viewing import Viewer
from recommend.model.words import EMB
from recommend.records import RecommendError
from recommend.training.config import TrainingConfig
from recommend.training.examples import Examples


def viewer_for(examples: Examples, base: Base, config: TrainingConfig) -> Viewer | None:
    """What shows the base its pictures; None: none are to be shown.

    Raises:
        RecommendError: the base does not see, there are no pictures, or a fusion is asked for without any.
    """
    if config.fusion != "none":
        require_sight(base, f"--fusion {config.fusion}")
        if not config.pictures:
            raise RecommendError(f"--fusion {config.fusion} is of pictures, and none are shown; add --pictures 1")
    if not config.pictures:
        return None
    require_sight(base, f"--pictures {config.pictures}")
    if examples.pictures is None or not any(note.images for note in examples.notes):
        raise RecommendError(
            f"--pictures {config.pictures}: none of the {len(examples.notes):,} notes to learn from names a picture "
            "that could be looked for; leave --pictures out"
        )
    return Viewer(base.processor, examples.pictures, config.pictures)


def network_for(base: Base, config: TrainingConfig, method: Method, viewer: Viewer | None) -> Any:
    """The network to be trained, on the GPU where there is one: all of the base, its last layers, or adapters.

    Args:
        base: With `[EMB]`.
        config: Of the training.
        method: What is learned.
        viewer: Shows the base its pictures; None: what looks at pictures stays as it is.

    Raises:
        RecommendError: the layers to be trained, or the picture encoder, cannot be told.
    """
    import torch

    model = base.model
    fusion = None
    if config.fusion == "late" and viewer is not None:
        if base.picture_token is None:
            raise RecommendError(
                f"--fusion late: the processor of the base {base.name} does not say which token stands for a piece of "
                "a picture; use --fusion none"
            )
        fusion = late_fusion(pictured(model, viewer.take([viewer.largest]).pixels), base.hidden)
    if config.layers and config.lora:
        raise RecommendError(
            f"--layers {config.layers} with --lora {config.lora}: adapters go into every layer; leave one of them out"
        )
    if base.sees and viewer is None:
        _keep_unseeing(base)
    if config.layers:
        _keep_below(base, config.layers)
    if config.checkpointing:
        model.gradient_checkpointing_enable()
    if config.lora:
        from peft import LoraConfig, get_peft_model

        adapters = LoraConfig(
            r=config.lora,
            lora_alpha=2 * config.lora,
            target_modules=_linear(base) if base.sees else "all-linear",
            trainable_token_indices=[base.tokenizer.convert_tokens_to_ids(EMB)],
            task_type="CAUSAL_LM",
        )
        model = get_peft_model(model, adapters)
    net = network(
        model,
        hidden=base.hidden,
        dimension=config.dimension,
        temperature=config.temperature,
        alpha=config.alpha if method == "notellm" else 0.0,
        picture_token=base.picture_token,
        fusion=fusion,
    )
    return net.to("cuda") if torch.cuda.is_available() else net


def _keep_below(base: Base, layers: int) -> None:
    """Leave all that stands before the last `layers` of a base as it is: what looks at pictures, its words and its
    lower layers.

    Raises:
        RecommendError: its layers cannot be told.
    """
    import torch

    count = base.model.config.get_text_config().num_hidden_layers
    lists = [one for one in base.language.modules() if isinstance(one, torch.nn.ModuleList) and len(one) == count]
    if len(lists) != 1 or layers > count:
        raise RecommendError(
            f"--layers {layers}: the base {base.name} has {count} layers"
            + ("" if len(lists) == 1 else " that cannot be told from its other parts")
            + "; leave --layers out to train all of it"
        )
    words, first = base.model.get_input_embeddings().weight, next(lists[0][count - layers].parameters())
    speaking, reached = _speaking(base), False
    for weight in base.model.parameters():  # those that speak in the order they are used
        reached = reached or weight is first
        weight.requires_grad_(reached and weight is not words and id(weight) in speaking)


def _keep_unseeing(base: Base) -> None:
    """Leave all of a base that looks at pictures as it is: none are shown."""
    speaking = _speaking(base)
    for weight in base.model.parameters():
        weight.requires_grad_(id(weight) in speaking)


def _speaking(base: Base) -> set[int]:
    """Ids of the weights that read tokens and write them; of a base that does not see, all."""
    return {id(weight) for part in (base.language, base.model.get_output_embeddings()) for weight in part.parameters()}


def _linear(base: Base) -> list[str]:
    """Names of the linear layers that read tokens."""
    import torch

    inside = set(base.language.modules())
    return [name for name, one in base.model.named_modules() if one in inside and isinstance(one, torch.nn.Linear)]
