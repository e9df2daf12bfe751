;; Has 8 MiB of memory from the beginning: the host runs that, its tenant may have less.
(memory (export "memory") 128)
