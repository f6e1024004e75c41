"""Files of transactions and what is known of them when: histories in order of time."""
