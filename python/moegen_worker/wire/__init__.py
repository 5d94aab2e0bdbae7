"""What the runner and the worker say to each other: messages, refusals, signs of life."""
