"""Programs in any language over a module, in namespaces of their own: ``bc260y-aio run --isolated``."""
