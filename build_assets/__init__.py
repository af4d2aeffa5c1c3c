"""What the build puts into the package from other people's libraries."""
