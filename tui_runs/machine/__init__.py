"""The machine that the program runs on: processors, memory, disks, network and GPUs, and whose run a process is."""
