"""The state engine: schema, YAML, the durable store, events. It knows nothing of Azure, hosts or clusters."""
