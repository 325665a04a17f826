"""Parts of the built-in scenes: materials, texture, canvas, and what is painted on it."""
