"""The service: an API, durable feedback and the explorer's pages, over a folder of models."""
