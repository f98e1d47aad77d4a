"""The tensors that worker and judge both see: layouts, streams, gate inputs."""
