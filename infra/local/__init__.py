"""The development server: database, parameters, API and page, each on 127.0.0.1 only."""
