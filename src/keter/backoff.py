"""Growing pauses between tries: the one rule for everything that tries again."""

import random
from dataclasses import dataclass, field

# Beyond so many failures every pause is the longest one, and the power stays a finite number.
MOST_DOUBLINGS = 30
# Between the restarts of a process of ours. One that ran for HEALTHY_S begins with the first again.
RESTART_FIRST_S, RESTART_LONGEST_S = 0.5, 30.0
HEALTHY_S = 60.0


@dataclass(slots=True)
class Backoff:
    """Count failures and return how long to wait after each.

    The first pause is ``first_s``. Each further one is ``factor`` times longer, at most
    ``longest_s``. ``jitter`` 0.2 spreads each pause by up to 20 % either way.
    So many that failed together do not come back together.
    """

    first_s: float
    longest_s: float
    factor: float = 2.0
    jitter: float = 0.0
    rng: random.Random = field(default_factory=random.Random)
    failures: int = 0

    def pause_s(self, failures: int) -> float:
        """Return the pause in seconds after ``failures`` failures in a row, without jitter.

        No failure means no pause.
        """
        if failures <= 0:
            return 0.0
        grown = self.first_s * self.factor ** min(failures - 1, MOST_DOUBLINGS)
        return min(grown, self.longest_s)

    def next(self) -> float:
        """Count a failure and return the pause in seconds before the next try."""
        self.failures += 1
        spread = self.rng.uniform(1 - self.jitter, 1 + self.jitter) if self.jitter else 1.0
        return self.pause_s(self.failures) * spread

    def reset(self) -> None:
        """Forget the failures: the next pause is the first again."""
        self.failures = 0


def restart_backoff() -> Backoff:
    """Return the pauses between the restarts of one process."""
    return Backoff(RESTART_FIRST_S, RESTART_LONGEST_S)
