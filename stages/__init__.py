"""The map of the house. A stage is a script at this level; everything that it uses lies in a folder, named by its job.

The stages, in the order in which `dvc.yaml` runs them:

    resolve   params.yaml -> a plan for each stage and run
    model     the base model, or a released one
    prepare   the problems to train and to evaluate on
    subset    parts of a training set
    train     one method, one seed
    diagnose  single optimiser steps of a method, exactly and as papers estimate them, where a profile has probes
    sample_checkpoints, choose    of a run's checkpoints the one that a rule takes, where a profile has such rules
    sample    k samples a problem from one model
    grade     what is right among them
    report    tables, figures, verdicts, a page

What they are made of. A folder imports from those below it, never from one above:

    tools        commands beside the pipeline: a profile's estimate, its rehearsal, what a machine lacks for it, the sweep of methods
    watching     the trainings of a profile while they run, and what is wrong with them
    reporting    results -> tables -> figures -> sections -> page
    claims       published claims as experiments, and what the runs say of them
    verdicts     the rule that judges a published number, and its comparisons
    profile      params.yaml and its sections, the effective protocol, plans, the code fingerprint
    published    the published numbers as a checked table
    backend      the one place that knows verl, Ray and vLLM
    sampling     the one place that asks EvalScope for samples
    probes       torch and transformers only: what one optimiser step does to the entropy
    methods      the registry of methods, and one file a method
    rl           torch only: what a method is, and the arithmetic that methods share
    protocols    how a model is evaluated, as a record, and what tells two of them apart
    benchmarks   the registry of benchmarks, and one file a benchmark
    graders      whether a sample is right
    datasets     real data sets: fetched, read, cleaned, compared with the evaluation sets
    lab          the laboratory: generated problems, their tokenizer and model
    statistics   scores and their intervals
    artifacts    what stages hand each other, each format written down once
    answers      short answers: what they say, and whether two say the same
    text         prompts, boxed answers, answers as written, diversity of texts
    common       files, the command line of a stage, supervised processes, the progress bar
"""
