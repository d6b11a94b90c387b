"""What a person does: one screen a file. An operation is one or more attempts, measured from intent to done."""
