"""What a config chooses by name: criteria, optimisers, schedules; a table each, from which the schema follows."""
