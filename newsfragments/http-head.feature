``HEAD`` works for every route that has ``GET``.
