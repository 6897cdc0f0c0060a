"""The one place that knows verl, Ray and vLLM.

How a training is set up
    verl.yaml         what every training asks of verl, in verl's own form; verl_cpu.yaml and verl_cuda.yaml come on top
    config.py         verl's configuration of a run: these files, and what the run decides
    bench_config.py   the bench's own section of it
    environment.py    environment variables of the processes, and the versions that all this is written for

How it trains
    session.py        a session as the stage sees it: the process that trains one run after the other, and their logs
    main.py           that process: Ray, and verl's own V1 trainer with the parts below
    local.py          what a training on a few cores does otherwise: fewer processes, which start side by side
    trainer.py        verl's synchronous trainer, with the bench's methods, seeds, controllers and step log
    mini_batches.py   which device gets which responses of a mini-batch
    replay_buffer.py  verl's replay buffer, with dynamic sampling that repeats
    agent_loop.py     verl's single-turn agent loop, with a seed and a reward for every response, and branches
    agent_loops.yaml  their names for verl
    reward.py         the rule of the reward
    responses.py      a step's responses, from verl's transfer queue to what a method sees
    teacher.py        the reference policy on prompts that give the answer
    measure.py        what is measured of every step
    worker.py         verl's actor worker, with a method's batch statistics
    loss.py           a method's loss inside verl's actor

Beside a training
    server.py         `vllm serve`, for sampling: one model, or one after another
    served_weights.py what vLLM's worker is given for it: another model's weights, and a check of them
    packages/         two local distributions: the platform "cpu" for verl, and vLLM's name
"""
