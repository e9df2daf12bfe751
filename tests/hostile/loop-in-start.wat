;; Computes without end before it can be called at all.
(func $begin
  (loop $again (br $again)))
(start $begin)
