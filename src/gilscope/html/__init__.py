"""How data is drawn: theme, template environment, policy, listings, charts, timelines. It knows data types only."""
