"""Words and signals that people add in the browser: what they may say, how they are kept, what they would have done."""
