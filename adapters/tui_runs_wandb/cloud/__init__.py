"""W&B's cloud, and W&B servers of one's own, read through `wandb.Api` with wandb's own login."""
