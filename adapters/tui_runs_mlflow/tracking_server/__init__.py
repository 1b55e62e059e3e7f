"""MLflow's tracking servers, read through their REST API with mlflow's own credentials and transport."""
