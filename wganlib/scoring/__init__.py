"""Features -> statistic -> score: classifiers, the statistics over their outputs, and the scoring of a run."""
