"""Reports of builds."""
