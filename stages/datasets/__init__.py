"""Problems to train and to evaluate on: where real ones come from, what their rows mean, and what is done to them.

sources     the table data/sources.yaml              fetch, mirror   verified bytes of its files
storage     rows of a stored file                    readers         what a row means
cleaning    the variants of a training set           contamination   evaluation problems in training sets
assembly    a source as training or evaluation set   laboratory      generated problems
verl        the training file's format               audit           the table of all sources
embeddings, subsets                                  parts of a training set
"""
