"""The domain: knows money, documents and law; knows no HTTP and no Flask."""
