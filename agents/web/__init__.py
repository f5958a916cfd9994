"""What browsers and monitors reach of the people's side."""
