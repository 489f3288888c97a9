"""What templates show, one module a page: pure, from what agents say to frozen values."""
