A message costs less processor time, above all one to the callback with a store: Python looks for garbage less often under ``twistd``.
