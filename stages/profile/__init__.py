"""What a user declares, and what each stage is given of it: sections, parameters, the effective protocol, plans, the code
fingerprint."""
