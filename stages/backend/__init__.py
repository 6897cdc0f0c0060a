"""The one place that knows verl, Ray and vLLM.

config.py       a run's settings -> verl's configuration
environment.py  the environment variables of its processes, and the versions it was written for
main.py         the process that `stages/train.py` starts: verl's own V1 trainer with the parts below
trainer.py      verl's synchronous trainer, with the suite's methods, seeds, controllers and step log
worker.py       verl's actor worker, with the suite's loss
loss.py         a method's token loss inside verl
agent_loop.py   verl's single-turn agent loop, with a seed per sample
reward.py       the reward function verl calls
server.py       `vllm serve` for sampling
packages/       two local distributions: the platform "cpu" for verl, and vLLM's name
"""
