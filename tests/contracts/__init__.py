"""What is said between the application, the sandbox and (one day) Stripe, held against Stripe's own types.

Two judges, as each sees what the other cannot. The pinned Python library's classes: unknown words of an enum, whole
numbers. The Node library's types, by the TypeScript compiler: nullable fields left out, null where a field must be
absent. The versions of both, of the sandbox and of the application are locked together.
"""
