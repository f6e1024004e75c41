"""Receives transactions and labels over HTTP and puts them into the partitions' logs."""
