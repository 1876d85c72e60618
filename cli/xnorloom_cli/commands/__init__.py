"""Commands of the command line, one module each.

A command module has

- ``HELP``, a line for the list of commands, ``DESCRIPTION`` and ``EXAMPLES`` for its own help;
- ``add_arguments(parser)``, which adds its arguments to its parser;
- ``run(arguments, console)``, which executes it and returns the exit status.

Help and errors in arguments import every module, so that slow imports are inside of functions.
"""

from types import ModuleType

from . import (
    boards,
    build,
    compile,
    demo,
    explore,
    export,
    flash,
    import_,
    info,
    models,
    run,
    serve,
    simulate,
    verify,
)

__all__ = ["COMMANDS"]

# In the order of `xnorloom --help`.
COMMANDS: dict[str, ModuleType] = {
    "demo": demo, "models": models, "import": import_, "info": info, "verify": verify,
    "simulate": simulate, "serve": serve, "compile": compile, "export": export, "boards": boards,
    "explore": explore, "build": build, "flash": flash, "run": run}
