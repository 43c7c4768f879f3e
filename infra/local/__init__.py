"""AWS on a laptop: database, parameters, API and page, each on 127.0.0.1 only."""
