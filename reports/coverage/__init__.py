"""The coverage statement: which sentences of the operational manual a run asked, and which of them held."""
