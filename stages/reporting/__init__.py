"""The parts of the report, in the order in which results go through them. Each uses those before it, and no other.

inputs      the declared runs' files -> checked results (whole: files of JSON, before their fields are read)
tables      results -> tables of numbers
              estimates   a score with its 95 % interval
              scores      by run, by method, by difficulty
              gains       averages over benchmarks, gains over GRPO
              resolution  what the seeds that ran can resolve
              controls    methods set against their controls
              tuning      settings that were tried, and those that a held-out set chose
              checkpoints chosen checkpoints beside the last ones
              counts      what became of the samples, where graders disagree
              steps       what of training is computed from its log
              prices      entropy, diversity, truncation, length
              comparison  our scores handed to `stages.verdicts`
              apart       which methods the seeds tell apart
              answer      what became of each model
              settings    all that a run depends on
              metrics     what DVC compares between commits
palette     colours, which figures and page share
figures     tables -> figures
              models         each model's line, and which are shown at first
              charts         the three kinds of panel
              specification  a figure for the page and for papers
              progress, evaluation      figures of training, and of scores
              drawn_data, draw          what figures draw, as tables; all figures by name
side_files  samples, hours and origin, which the page loads on demand
sections    results and tables -> what the report says
              blocks, numbers           what a section is made of; how numbers are printed
              apart                     which methods the seeds tell apart, for the report and for the lab
              answer                    the first section: the answer, and what may not be concluded
              fixed_models              models that were not trained here, which come before those that were
              trust, notices, provenance, training, schedules, benefits, controls, tuning, checkpoints, verdicts, price
              verdict_table, resolution verdicts as a table; what the seeds can resolve, in words
              content                   all sections in reading order, and the summary
render      sections -> index.html (page, templates, assets), report.md (markdown), tables/*.tex (latex)
assets      templates, style and scripts of the page

side_by_side  two reports set against each other
"""
