"""How hypothesis works when a failure is expected: ``--hypothesis-profile=noshrink`` stops at the first."""

from hypothesis import Phase, settings

settings.register_profile("noshrink", phases=(Phase.explicit, Phase.generate), print_blob=False)
