;; Each of two memories would be counted by itself.
(component
  (core module (memory 1) (memory 1)))
