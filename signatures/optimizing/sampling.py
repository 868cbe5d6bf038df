"""Several answers to one question."""

import dspy


def told_apart(lm: dspy.LM) -> dspy.LM:
    """`lm` with a request of its own for each of DSPy's rollouts, so that every cache keeps their answers apart.

    Rollouts differ by hundred-thousandths of temperature: nothing to a model, and the same every time the command runs.
    """
    rollout, temperature = lm.kwargs.get("rollout_id"), lm.kwargs.get("temperature")
    if rollout is None:
        return lm
    if not temperature:
        return lm.copy(rollout_id=None)
    return lm.copy(rollout_id=None, temperature=round(temperature + int(rollout) % 1000 * 1e-5, 5))
