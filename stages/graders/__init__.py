"""Graders: what says which samples are right. `python -m stages.graders <name>` grades lines from standard input.

    registry       name -> grader
    base           Grade and Grader
    exact_box      the last boxed answer is the gold as text
    by_value       two spellings of one value are one answer (stages/answers)
    math_verify    the same; what stages/answers cannot read, math-verify may, in workers.py
    dapo, steer    the rules by which two papers score, kept as their code has them
    steer_evaluation    what STEER's evaluation accepts: its box, or what the grader of Qwen2.5-Math does, in qwen/
    ifeval         a text follows the instructions of its prompt, as EvalScope checks them
    code           a program passes the problem's tests
    programs       many programs, in a few sandboxes side by side
    sandbox        one bubblewrap sandbox; availability.py says whether it holds here, seccomp.py what it refuses,
                   memory.py how much its programs hold
    inside/        what runs in the sandbox: a supervisor with the tests, a worker with the program

To add one, write a module with a function `grade` and enter it in the registry: docs/development.md, “Add a grader”. What is slow
to import is imported when it grades.
"""
