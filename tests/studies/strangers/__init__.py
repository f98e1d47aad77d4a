"""Files and plug-ins from strangers: mutated by the thousand, each answered by a message.

    python -m tests.studies.strangers.runs 10000        # results, profiles and manifests
    python -m tests.studies.strangers.scenarios 20000   # YAML and layer tables
    python -m tests.studies.strangers.declarations 500  # what a plug-in registers

Each prints what ended in exit 70, in a traceback, after more than ten seconds, or with a character
on the terminal that a stranger chose to steer it. A second number is the seed, a third how many
mutations to pass over first.
"""
