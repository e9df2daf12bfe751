;; Has more memory from the beginning than any call may have.
(memory (export "memory") 1025)
