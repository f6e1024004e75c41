"""What Fraudline's services share: no service is in here."""
