"""Registration, preferences, properties, translation: the extension itself."""
